# Turns sql/*.sql into one C table, so that the program carries its migrations.
function(parley_embed_sql target)
  file(GLOB steps CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/sql/*.sql")
  set(out "${CMAKE_CURRENT_BINARY_DIR}/generated/migrations.inc")
  add_custom_command(OUTPUT "${out}"
    COMMAND "${CMAKE_COMMAND}" "-DOUT=${out}" "-DSTEPS=${steps}"
      -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed_sql.cmake"
    DEPENDS ${steps} "${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed_sql.cmake"
    VERBATIM)
  add_custom_target(migrations DEPENDS "${out}")
  add_dependencies(${target} migrations)
endfunction()
