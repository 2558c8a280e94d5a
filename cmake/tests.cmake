# One executable per *_test.c, beside its subject; `ctest` runs them all.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
file(GLOB unit_tests CONFIGURE_DEPENDS src/*/*_test.c)
foreach(test IN LISTS unit_tests)
  get_filename_component(name "${test}" NAME_WE)
  get_filename_component(layer "${test}" DIRECTORY)
  get_filename_component(layer "${layer}" NAME)
  add_executable(${layer}_${name} "${test}")
  target_link_libraries(${layer}_${name} PRIVATE parley_core PkgConfig::CMOCKA)
  target_compile_definitions(${layer}_${name} PRIVATE
    PL_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  add_test(NAME ${layer}/${name} COMMAND ${layer}_${name})
  set_tests_properties(${layer}/${name} PROPERTIES TIMEOUT 120)
endforeach()

# Pure parts of the program, each with the one file that it tests.
file(GLOB program_tests CONFIGURE_DEPENDS parley/*_test.c)
foreach(test IN LISTS program_tests)
  get_filename_component(name "${test}" NAME_WE)
  string(REGEX REPLACE "_test\\.c$" ".c" subject "${test}")
  add_executable(parley_${name} "${test}" "${subject}")
  target_link_libraries(parley_${name} PRIVATE parley_core PkgConfig::CMOCKA)
  add_test(NAME parley/${name} COMMAND parley_${name})
  set_tests_properties(parley/${name} PROPERTIES TIMEOUT 120)
endforeach()

# The command line, run as a process.
if(TARGET parley)
  add_test(NAME program/command_line
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tests/cli/cli_test.py" $<TARGET_FILE:parley>)
  set_tests_properties(program/command_line PROPERTIES TIMEOUT 120)
  add_test(NAME program/chat
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tests/cli/chat_test.py" $<TARGET_FILE:parley>)
  set_tests_properties(program/chat PROPERTIES TIMEOUT 180)
endif()

# What the library exports, and what it may not call; assertions are part of a debug build, and counting
# lines does what a library may not.
if(NOT PARLEY_COVERAGE)
  add_test(NAME library/symbols
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tools/symbols.py"
      $<$<CONFIG:Debug>:--debug> "${CMAKE_CURRENT_SOURCE_DIR}/include/parley/parley.h"
      "${CMAKE_CURRENT_SOURCE_DIR}/include/parley/socketio.h"
      $<TARGET_FILE:parley_shared> $<TARGET_FILE:parley_static>
    COMMAND_EXPAND_LISTS)
endif()
