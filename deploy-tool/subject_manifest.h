/* subject_manifest.h - what the nearest cfn.ini says of a file or folder that is invoked or tested. */
#pragma once
#include "deploy-tool/manifest.h"
#include "deploy-tool/subject.h"

/* Adds to the options the section whose (first) source is path, of the first cfn.ini that has one: in the
 * folder `tests` of the folder that path is or lies in, in that folder, or in the one above.  What was given
 * already wins; variables are one by one.  The options point into the manifest.  0 or an exit status, already
 * reported; manifest_done() in any case. */
int subject_manifest_add(const char *path, struct subject_options *o, struct manifest *m);
