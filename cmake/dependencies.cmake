# Libraries of the distribution (interface library parley_libs). Nothing is vendored.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB 1.2.13 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(simdjson REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)

add_library(parley_libs INTERFACE)
target_link_libraries(parley_libs INTERFACE
  Threads::Threads OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB SQLite::SQLite3 simdjson::simdjson
  PkgConfig::ARGON2)

set(PARLEY_HAVE_URING OFF)
if(PARLEY_IO_URING)
  pkg_check_modules(URING IMPORTED_TARGET liburing>=2.3)
  if(URING_FOUND)
    set(PARLEY_HAVE_URING ON)
    target_link_libraries(parley_libs INTERFACE PkgConfig::URING)
    target_compile_definitions(parley_libs INTERFACE PL_HAVE_URING=1)
  else()
    message(STATUS "liburing not found: sends go out by send(2) alone")
  endif()
endif()
