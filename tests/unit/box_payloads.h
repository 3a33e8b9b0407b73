/* box_payloads.h - tests of boxes: what their payloads do. */
#pragma once

/* Runs the payload of that name and ends with its exit status; 90 when there is none. */
int payload_main(const char *name);

enum { PAYLOAD_MEMORY = 64 << 20, PAYLOAD_OUTPUT = 4096, PAYLOAD_DISK = 1 << 20, PAYLOAD_PROCESSES = 8 };
