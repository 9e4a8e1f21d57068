/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_diversion.h - replies in whose place httpd answers. */
#ifndef CASK_APACHE_REPLY_DIVERSION_H
#define CASK_APACHE_REPLY_DIVERSION_H

#include <httpd.h>

struct cask_config_scope;
struct cask_reply_copy;

enum cask_reply_diversion {
    CASK_REPLY_SENT,       /* as the application gave it */
    CASK_REPLY_ERROR_PAGE, /* WSGIErrorOverride: httpd's page for the status */
    CASK_REPLY_REDIRECT,   /* "Location: /path" with status 200: httpd serves that path */
    CASK_REPLY_CONDITION,  /* a file the client has already (304), or does not want (412) */
};

/* By status and headers alone; not CONDITION. */
enum cask_reply_diversion cask_reply_diversion_of(const request_rec *r,
                                                  const struct cask_config_scope *values,
                                                  const struct cask_reply_copy *head);
/* The application is done: lets httpd answer. What the handler returns. answer: the status of
 * CONDITION. */
int cask_reply_diversion_take(request_rec *r, enum cask_reply_diversion diversion,
                              const struct cask_reply_copy *head, int answer);

#endif
