# SPDX-License-Identifier: Apache-2.0
"""Templates, found by their dotted names."""
