# Tests that start server processes. They are Python programs that name their server with SERVER
# (tests/support/paddock_process.py); each cleans up behind itself and uses ports that were free.

find_program(PADDOCK_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(paddock_process_test_properties name label timeout_s)
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${timeout_s} ENVIRONMENT
    "PADDOCK_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# Further arguments name the test cases to run; without any all of the script's are.
function(paddock_python_test name script label timeout_s)
  add_test(NAME ${name}
    COMMAND ${PADDOCK_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${script} -v ${ARGN})
  paddock_process_test_properties(${name} "${label}" ${timeout_s})
endfunction()
