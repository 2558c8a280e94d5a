# Compiler and linker flags that every target of ours shares (interface library parley_flags).
include(CheckCCompilerFlag)
add_library(parley_flags INTERFACE)
target_compile_definitions(parley_flags INTERFACE _GNU_SOURCE PARLEY_VERSION="${PROJECT_VERSION}")

set(c_warnings -Wall -Wextra -Wformat=2 -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough
  -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef
  -Wpointer-arith -Wcast-qual -Wwrite-strings
  -Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion)
target_compile_options(parley_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:${c_warnings}>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow>
  $<$<BOOL:${PARLEY_WERROR}>:-Werror>
  -fstack-protector-strong -fno-strict-overflow -fno-strict-aliasing
  -fno-delete-null-pointer-checks -fvisibility=hidden -fno-omit-frame-pointer)

foreach(flag -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero)
  string(MAKE_C_IDENTIFIER "has${flag}" known)
  check_c_compiler_flag(${flag} ${known})
  if(${known})
    target_compile_options(parley_flags INTERFACE ${flag})
  endif()
endforeach()

if(PARLEY_SANITIZE)
  target_compile_options(parley_flags INTERFACE -fsanitize=${PARLEY_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(parley_flags INTERFACE -fsanitize=${PARLEY_SANITIZE})
else()
  target_compile_options(parley_flags INTERFACE $<$<CONFIG:RelWithDebInfo>:-U_FORTIFY_SOURCE>
    $<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=3>)
endif()
if(PARLEY_COVERAGE)
  target_compile_options(parley_flags INTERFACE --coverage)
  target_link_options(parley_flags INTERFACE --coverage)
endif()
target_link_options(parley_flags INTERFACE
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
