/*
 * What glibc's build of libstdc++ asks of its C library beyond what musl has: a musl system's own libstdc++ needs none of
 * it. Stands as ld-linux-x86-64.so.2, which that libstdc++ names as a library.
 */
typedef unsigned long size_t;

extern long syscall(long number, ...);
extern unsigned long strtoul(const char *text, char **end, int base);
extern size_t strftime_l(char *to, size_t size, const char *format, const void *time, void *locale);

char __libc_single_threaded = 0;
unsigned __cpu_model[4];

int __cpu_indicator_init(void) { return 0; }

/* Not found: the unwinder then asks dl_iterate_phdr. */
int _dl_find_object(void *address, void *result) {
  (void)address, (void)result;
  return -1;
}

/* Threads end with the process. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library) {
  (void)destroy, (void)object, (void)library;
  return 0;
}

unsigned arc4random(void) {
  unsigned value;
  syscall(318 /* getrandom */, &value, sizeof value, 0);
  return value;
}

size_t __strftime_l(char *to, size_t size, const char *format, const void *time, void *locale) {
  return strftime_l(to, size, format, time, locale);
}

/* The libstdc++ of GCC 13 and newer. Nothing here reads or prints numbers of 128 bits. */
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
int strfromf128(void) { return 0; }
int strtof128(void) { return 0; }
