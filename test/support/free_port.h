/* A port of 127.0.0.1 on which nobody listens. */
#pragma once

/* Below the ports that connections of other programs get: one of those could take it before the server does. 0 when
 * none was found. */
int free_port(void);
