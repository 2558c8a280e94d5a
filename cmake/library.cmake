# libparley, for programs that embed it: the core as one object in which only parley_* is global, so that
# neither library defines a name that the public header does not promise. Section groups are dissolved:
# what is local must not be dropped in favour of another object's copy.
set(parley_object "${CMAKE_CURRENT_BINARY_DIR}/parley.o")
add_custom_command(OUTPUT "${parley_object}"
  COMMAND "${CMAKE_CXX_COMPILER}" -r -nostdlib -o "${parley_object}"
    -Wl,--force-group-allocation -Wl,--whole-archive $<TARGET_FILE:parley_core> -Wl,--no-whole-archive
  COMMAND "${CMAKE_OBJCOPY}" -w --keep-global-symbol=parley_* "${parley_object}"
  DEPENDS parley_core VERBATIM)
set_source_files_properties("${parley_object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
add_custom_target(parley_object DEPENDS "${parley_object}")

function(parley_library target kind exported)
  add_library(${target} ${kind} "${parley_object}")
  add_dependencies(${target} parley_object)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME parley EXPORT_NAME ${exported}
    LINKER_LANGUAGE CXX ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}"
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  add_library(parley::${exported} ALIAS ${target})
endfunction()

parley_library(parley_shared SHARED parley)
set_target_properties(parley_shared PROPERTIES VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(parley_shared PRIVATE $<BUILD_INTERFACE:parley_flags>
  $<BUILD_INTERFACE:parley_libs>)
if(NOT PARLEY_SANITIZE)
  target_link_options(parley_shared PRIVATE -Wl,-z,defs)
endif()

# By their plain names: who links statically needs these libraries, and nothing of their CMake packages.
set(parley_static_libs ssl crypto sqlite3 z simdjson argon2 stdc++ pthread m)
if(PARLEY_HAVE_URING)
  list(PREPEND parley_static_libs uring)
endif()
parley_library(parley_static STATIC static)
target_link_libraries(parley_static INTERFACE ${parley_static_libs})
