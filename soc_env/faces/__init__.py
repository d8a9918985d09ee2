"""The engine as PettingZoo and Gymnasium know environments; no face has game logic of its own."""
