"""iPhones over usbmux, by pymobiledevice3 (the extra ``ios``); the only room that imports it."""
