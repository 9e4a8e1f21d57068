# SPDX-License-Identifier: Apache-2.0
"""What the launcher and the code inside the server share."""
