/* The process: hands the words of the command line to cli/ and ends with the code it returns.
 *
 * Two things must hold before anything else runs. SIGPIPE is ignored, so that a reader that goes away is an
 * error of write() and not the end of the process. And 0, 1 and 2 are open, so that no socket ever gets a number
 * that somebody prints to. After a second signal, or a stop that took too long (codes from 128 on), threads still
 * run: the process then ends without running what exit() would. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

static void open_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int main(int argc, char **argv)
{
    int code;

    open_standard_files();
    signal(SIGPIPE, SIG_IGN);
    code = mr_cli_main(argc, argv);
    if (code >= 128)
        _exit(code % MR_EXIT_LEFT);
    return code;
}
