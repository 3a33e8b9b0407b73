/* commands.h - the commands of cfn-deploy: each reads its own arguments and returns an exit status. */
#pragma once
#include "deploy-tool/deploy_options.h"
#include "deploy-tool/tool.h"

extern const struct argument_row apply_options[];
extern const size_t apply_n_options;
extern const struct argument_row audit_options[];
extern const size_t audit_n_options;
extern const struct argument_row crashes_options[];
extern const size_t crashes_n_options;
extern const struct argument_row dev_options[];
extern const size_t dev_n_options;
extern const struct argument_row doctor_options[];
extern const size_t doctor_n_options;
extern const struct argument_row invoke_options[];
extern const size_t invoke_n_options;
extern const struct argument_row key_options[];
extern const size_t key_n_options;
extern const struct argument_row secret_options[];
extern const size_t secret_n_options;
extern const struct argument_row token_options[];
extern const size_t token_n_options;
extern const struct argument_row gc_options[];
extern const size_t gc_n_options;
extern const struct argument_row lock_options[];
extern const size_t lock_n_options;
extern const struct argument_row test_options[];
extern const size_t test_n_options;
extern const struct argument_row run_options[];
extern const size_t run_n_options;
extern const struct argument_row logs_options[];
extern const size_t logs_n_options;
extern const struct argument_row new_options[];
extern const size_t new_n_options;
extern const struct argument_row source_options[];
extern const size_t source_n_options;

int run_apply(struct tool *t, const char *const *arguments);
int run_init(struct tool *t, const char *const *arguments);
int run_deploy(struct tool *t, const char *const *arguments);
int run_check(struct tool *t, const char *const *arguments);
int run_list(struct tool *t, const char *const *arguments);
int run_show(struct tool *t, const char *const *arguments);
int run_source(struct tool *t, const char *const *arguments);
int run_history(struct tool *t, const char *const *arguments);
int run_rollback(struct tool *t, const char *const *arguments);
int run_enable(struct tool *t, const char *const *arguments);
int run_disable(struct tool *t, const char *const *arguments);
int run_lock(struct tool *t, const char *const *arguments);
int run_unlock(struct tool *t, const char *const *arguments);
int run_remove(struct tool *t, const char *const *arguments);
int run_restart(struct tool *t, const char *const *arguments);
int run_status(struct tool *t, const char *const *arguments);
int run_invoke(struct tool *t, const char *const *arguments);
int run_crashes(struct tool *t, const char *const *arguments);
int run_copy(struct tool *t, const char *const *arguments);
int run_dev(struct tool *t, const char *const *arguments);
int run_new(struct tool *t, const char *const *arguments);
int run_run(struct tool *t, const char *const *arguments);
int run_logs(struct tool *t, const char *const *arguments);
int run_key(struct tool *t, const char *const *arguments);
int run_secret(struct tool *t, const char *const *arguments);
int run_token(struct tool *t, const char *const *arguments);
int run_verify(struct tool *t, const char *const *arguments);
int run_gc(struct tool *t, const char *const *arguments);
int run_doctor(struct tool *t, const char *const *arguments);
int run_test(struct tool *t, const char *const *arguments);
int run_audit(struct tool *t, const char *const *arguments);
