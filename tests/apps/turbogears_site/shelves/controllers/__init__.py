# SPDX-License-Identifier: Apache-2.0
"""Controllers; root.py is where TurboGears looks."""
