# One libFuzzer executable per fuzz/*.c; the corpus of fuzz/corpus/<name>/ is replayed by tools/fuzz.sh.
# Every object tells the fuzzer which branches it took, the library's too.
target_compile_options(parley_flags INTERFACE -fsanitize=fuzzer-no-link)
file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/*.c)
foreach(target IN LISTS fuzz_targets)
  get_filename_component(name "${target}" NAME_WE)
  add_executable(fuzz_${name} "${target}")
  target_link_libraries(fuzz_${name} PRIVATE parley_core)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endforeach()
