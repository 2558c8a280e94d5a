# `cmake --install`: program, libraries, header, pkg-config files, CMake package, configuration, systemd
# unit, manual pages. Nothing depends on where it lands but the unit, which takes the configured prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(packaging "${CMAKE_CURRENT_SOURCE_DIR}/packaging")
set(staged "${CMAKE_CURRENT_BINARY_DIR}/packaging")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/parley")
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# From the directory of the .pc files up to the prefix.
string(REGEX REPLACE "[^/]+" ".." PARLEY_PC_UP "${pc_dir}")
set(PARLEY_PC_LIBS ${parley_static_libs})
list(TRANSFORM PARLEY_PC_LIBS PREPEND "-l")
string(JOIN " " PARLEY_PC_LIBS ${PARLEY_PC_LIBS})
foreach(file parley.pc parley-static.pc parley.service)
  configure_file("${packaging}/${file}.in" "${staged}/${file}" @ONLY)
endforeach()
configure_package_config_file("${packaging}/parley-config.cmake.in" "${staged}/parley-config.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${staged}/parley-config-version.cmake" COMPATIBILITY SameMinorVersion)

install(TARGETS parley RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS parley_shared parley_static EXPORT parley
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT parley NAMESPACE parley:: FILE parley-targets.cmake DESTINATION "${package_dir}")
install(FILES "${staged}/parley-config.cmake" "${staged}/parley-config-version.cmake"
  DESTINATION "${package_dir}")
install(DIRECTORY include/parley DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${staged}/parley.pc" "${staged}/parley-static.pc" DESTINATION "${pc_dir}")
install(FILES "${staged}/parley.service" DESTINATION lib/systemd/system)
install(FILES "${packaging}/parley.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${packaging}/parley.h.3" DESTINATION "${CMAKE_INSTALL_MANDIR}/man3")
install(FILES config/websocket.json DESTINATION "${CMAKE_INSTALL_DATADIR}/parley")
install(DIRECTORY examples DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.c" PATTERN "*.html")
# What somebody has changed there stays.
install(CODE "
  set(config \"\$ENV{DESTDIR}${CMAKE_INSTALL_FULL_SYSCONFDIR}/parley/parley.json\")
  if(NOT EXISTS \"\${config}\")
    get_filename_component(dir \"\${config}\" DIRECTORY)
    file(MAKE_DIRECTORY \"\${dir}\")
    configure_file(\"${packaging}/parley.json\" \"\${config}\" COPYONLY)
    message(STATUS \"Installing: \${config}\")
  endif()")
