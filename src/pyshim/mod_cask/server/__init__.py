# SPDX-License-Identifier: Apache-2.0
"""What runs inside the interpreters that serve applications. Never imports the launcher."""
