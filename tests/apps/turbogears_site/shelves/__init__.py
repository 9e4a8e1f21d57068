# SPDX-License-Identifier: Apache-2.0
"""A TurboGears 2 application."""
