# The layer table and the banned calls are checked on every build.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_custom_target(house_rules ALL
  COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tools/house_rules.py"
  WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" VERBATIM)
