# SPDX-License-Identifier: Apache-2.0
"""A private httpd for each test: configuration, clients, logs, and an audit of what is left.

Start reading at site.py: it ties the other modules together and is what the fixtures hand out.
"""
