"""The Android runner: Java sources, and the program in ``build`` that makes the APK of them."""
