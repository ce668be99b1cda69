"""Entry point: page set-up and navigation, nothing else."""

from pages.parts.navigation import navigation

navigation().run()
