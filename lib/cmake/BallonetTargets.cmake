# The kinds of target this project has, one function each, and the libraries from outside.

if(BNT_BUILD_SIM OR BNT_BUILD_TESTS)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
  if(NOT BNT_SYSTEM_ALLOCATOR)
    pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
  endif()
endif()
if(BNT_BUILD_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()

# Adds the directory of a module.
macro(bnt_module directory)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${directory}/CMakeLists.txt)
    add_subdirectory(${directory})
  endif()
endmacro()

# bnt_freestanding(target...): these libraries need no C library but memcpy, memmove, memset, memcmp.
function(bnt_freestanding)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      target_compile_options(${target} PRIVATE -ffreestanding -fno-stack-protector)
    endif()
  endforeach()
endfunction()

# bnt_library(name SOURCES file... [LINKS target...]): a library of lib/; bnt_guest is also ballonet::guest.
function(bnt_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  string(REGEX REPLACE "^bnt_" "" short ${name})
  add_library(ballonet::${short} ALIAS ${name})
  target_include_directories(${name}
    PUBLIC ${PROJECT_SOURCE_DIR}/lib/include PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# bnt_hosted(target...): code over POSIX that includes by path from the root of the project.
function(bnt_hosted)
  foreach(target IN LISTS ARGN)
    target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib/include)
  endforeach()
endfunction()

# bnt_sim_library(name SOURCES file... [LINKS target...]): a module of the laboratory.
function(bnt_sim_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  bnt_hosted(${name})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# bnt_check_test(name SOURCES file... [LINKS target...] [TIMEOUT seconds] [LABELS label...]):
# a program of Check tests and the CTest test of the same name. The sources supply
# `Suite *test_suite(void)`; main and the guards against silent success are in tests/setup/check_main.c.
function(bnt_check_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINKS;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  set(setup ${PROJECT_SOURCE_DIR}/tests/setup)
  add_executable(${name} ${arg_SOURCES} ${setup}/check_main.c)
  bnt_hosted(${name})
  target_compile_options(${name} PRIVATE -include ${setup}/check_main.h)
  target_link_libraries(${name} PRIVATE ${arg_LINKS} PkgConfig::CHECK)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # Time limits end what hangs; no test is about speed, and a busy machine is slow.
  math(EXPR limit "3 * ${arg_TIMEOUT}")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${limit} LABELS "${arg_LABELS}"
                       ENVIRONMENT CK_TIMEOUT_MULTIPLIER=10)
endfunction()

# bnt_mutant(name FROM target LIBRARIES target... SOURCES file...): FROM and its libraries once more,
# in one program, with the switches of lib/base/mutations.h compiled in. For tests; never installed.
# Tools see each shared file once, as it ships: clang-tidy 14 finds what is not there in a second pass.
function(bnt_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FROM" "LIBRARIES;SOURCES")
  add_library(${name}-parts OBJECT)
  add_executable(${name} ${arg_SOURCES})
  foreach(target IN ITEMS ${name} ${name}-parts)
    bnt_hosted(${target})
    target_compile_definitions(${target} PRIVATE BNT_MUTATIONS=1)
    target_link_libraries(${target} PRIVATE PkgConfig::YAML)
    if(NOT BNT_SYSTEM_ALLOCATOR)
      target_link_libraries(${target} PRIVATE PkgConfig::JEMALLOC)
    endif()
  endforeach()
  set_target_properties(${name}-parts PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
  foreach(target IN LISTS arg_FROM arg_LIBRARIES)
    get_target_property(sources ${target} SOURCES)
    get_target_property(directory ${target} SOURCE_DIR)
    list(TRANSFORM sources PREPEND ${directory}/)
    target_sources(${name}-parts PRIVATE ${sources})
  endforeach()
  target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}-parts>)
endfunction()
