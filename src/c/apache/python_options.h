/* SPDX-License-Identifier: Apache-2.0 */
/* apache/python_options.h - the options of Python itself as they are in force: in httpd's children,
 * and in the daemons of a group. */
#ifndef CASK_APACHE_PYTHON_OPTIONS_H
#define CASK_APACHE_PYTHON_OPTIONS_H

#include "apache/config.h"

/* Completes the main record's `embedded_…` fields. */
void cask_python_options_embedded(struct cask_config_main *main_config, apr_pool_t *pool);
/* Completes a group: its own option, else the directive. */
void cask_python_options_group(struct cask_group_spec *spec,
                               const struct cask_config_main *main_config, apr_pool_t *pool);

#endif
