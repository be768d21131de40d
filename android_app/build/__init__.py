"""Builds the Android runner without the Android SDK: javac, dx, aapt2, an aligned zip, apksigner.

``python -m android_app.build --help`` tells what it makes; ``docs/android-runner.md`` why so.
"""
