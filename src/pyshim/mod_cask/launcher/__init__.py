# SPDX-License-Identifier: Apache-2.0
"""The command `mod-cask`. Runs outside the server and never imports mod_cask.server."""
