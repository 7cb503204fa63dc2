"""The network: where its weights come from, how it is built, and how its outputs become answers."""
