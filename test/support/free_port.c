/* Looking for a port: by binding one at random and letting it go again.
 *
 * Somebody else may take it between the look and the start of the server that it is for; who starts one tries again. */
#include "test/support/free_port.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int free_port(void)
{
    for (int i = 0; i < 100; i++) {
        int port = 10000 + (int)(random() % 20000), fd = socket(AF_INET, SOCK_STREAM, 0), rc;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (rc == 0)
            return port;
    }
    return 0;
}
