"""Why a network says what it says: attributions over captum, and the tests that they must stand."""
