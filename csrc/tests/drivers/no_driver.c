/* A shared library that is no driver. */
int no_driver_at_all(void);
int no_driver_at_all(void) { return 0; }
