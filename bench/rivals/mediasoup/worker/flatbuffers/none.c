/* Only to have a library: what it stands for comes from Debian. */
typedef int volley_bench_nothing;
