// SPDX-License-Identifier: Apache-2.0
/* What enters a sandbox is a child: the test goes on without it. */
#ifndef TESTS_BASE_SANDBOXED_CHILD_H
#define TESTS_BASE_SANDBOXED_CHILD_H

#include <sys/wait.h>
#include <unistd.h>

#define NO_LANDLOCK 77 /* what the child ends with where the kernel has none */

/* The child ends with 0. */
static inline void assert_good_in_child(int (*act)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(act());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_LANDLOCK)
        print_message("this kernel has no Landlock\n");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
