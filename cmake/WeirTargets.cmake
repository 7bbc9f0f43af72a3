# How every target of weir is compiled, and the three ways to declare one.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers and ccache agree only if ccache does not look at their time stamps. With its own folder taken out of the
  # paths one clone can use what another compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(weir_options INTERFACE)
target_include_directories(weir_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wnull-dereference -Wimplicit-fallthrough -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these for correct uses of std::optional and std::string at -O2 (GCC bugs 105562, 105651, 108860, 105762).
  target_compile_options(weir_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-null-dereference -Wno-stringop-overflow -fpch-preprocess)
  # And this at -O3 for any "literal" + text (bug 105329).
  target_compile_options(weir_options INTERFACE $<$<CONFIG:Release>:-Wno-array-bounds>)
endif()
if(WEIR_SANITIZE)
  # GCC 12 sees overflows that are not there in instrumented code (bug 105329); the other presets refuse warnings.
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-error)
  if(WEIR_SANITIZE MATCHES "undefined")
    # These check every single access, a fifth of the compile time, and stay with others: the address sanitizer finds what is read through a
    # null pointer or beyond an object, the processor reads unaligned, and a downcast to the wrong type would need a downcast: weir has
    # dynamic ones only.
    target_compile_options(weir_options INTERFACE -fno-sanitize=null,alignment,object-size,vptr)
  endif()
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_link_options(weir_options INTERFACE -fsanitize=address,undefined)
endif()
if(WEIR_COVERAGE)
  target_link_options(weir_options INTERFACE --coverage)
endif()
set(WEIR_PURE_CORE model policies deploy reconcile notifications)

# weir_unite(TARGET SOURCE…): with WEIR_UNITY, many sources are compiled as one. Most of the time goes into headers: they are read once then,
# and what they instantiate is compiled once. Which sources go together is found out anew at each configuration, so nobody has to choose
# names with other files in mind. The presets debug and release compile every file by itself, and check all that ships: that it includes
# all it needs is found out there.
set(WEIR_UNITY OFF CACHE STRING "Compile sources together: OFF, `tests` for those of tests only, or ON")
set(WEIR_PRODUCT model policies deploy platform providers balancers receivers controller examples)
function(weir_unite target)
  list(LENGTH ARGN count)
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT WEIR_UNITY OR count LESS 2 OR (WEIR_UNITY STREQUAL "tests" AND NOT folder MATCHES "^tests/"))
    return()
  endif()
  set(patterns ${WEIR_PRODUCT})
  if(folder MATCHES "^tests/")
    list(APPEND patterns tests)
  endif()
  list(TRANSFORM patterns REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/\\1/*.h")
  file(GLOB_RECURSE headers LIST_DIRECTORIES OFF ${patterns})
  execute_process(COMMAND awk -v largest=8 -f ${CMAKE_SOURCE_DIR}/cmake/unity_groups.awk ${headers} ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE lines OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" lines "${lines}")
  foreach(line IN LISTS lines)
    if(line MATCHES "^([0-9]+) (.+)$")
      set_source_files_properties(${CMAKE_MATCH_2} PROPERTIES UNITY_GROUP ${target}_${CMAKE_MATCH_1})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # Of names in files that are not really one, and of anonymous namespaces that seem to be in a header.
  target_compile_options(${target} PRIVATE -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CURL REQUIRED)
find_package(date REQUIRED)
find_package(pugixml REQUIRED)
find_package(PkgConfig REQUIRED)

# weir_library(NAME SOURCES … LINKS …): one folder, one static library; its links are the arrows of the house.
function(weir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(weir_${name} STATIC ${ARG_SOURCES})
  weir_unite(weir_${name} ${ARG_SOURCES})
  target_link_libraries(weir_${name} PUBLIC weir_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  if(WEIR_COVERAGE AND name IN_LIST WEIR_PURE_CORE)
    target_compile_options(weir_${name} PRIVATE --coverage)
  endif()
endfunction()

# What is built and run together: tests_pure (the pure core's, counted for its coverage), tests_effects (files, threads, sockets, child
# processes), tests_threads (those of them that have more than one thread; run under the thread sanitizer), tests_e2e (real components), soak, benchmarks, fuzzers.
foreach(kind tests_pure tests_effects tests_threads tests_e2e soak benchmarks fuzzers)
  add_custom_target(${kind})
endforeach()
set(WEIR_PURE_TESTS model policies deploy reconcile notifications properties policy_test)
set(WEIR_ONE_THREAD_TESTS config docs fuzz import manual render simulate structure)

# weir_test(NAME SOURCES … LINKS … [LABELS …] [TIMEOUT s] [SERIAL [FILTER …]]): one GoogleTest program, each of its tests known to ctest. Its
# kind is a label too: `e2e` if LABELS says so, else `pure` or `effects` by its folder. With label `soak` `./dev soak` runs the whole
# program with WEIR_SOAK=1; FILTER says which of its tests ctest runs.
function(weir_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT;FILTER" "SOURCES;LINKS;LABELS;DEFINITIONS" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  if("e2e" IN_LIST ARG_LABELS)
    set(kind e2e)
  elseif(folder IN_LIST WEIR_PURE_TESTS)
    set(kind pure)
    list(PREPEND ARG_LABELS pure)
  else()
    set(kind effects)
    list(PREPEND ARG_LABELS effects)
    if(NOT folder IN_LIST WEIR_ONE_THREAD_TESTS)
      list(APPEND ARG_LABELS threads)
    endif()
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  weir_unite(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE weir_options ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}" WEIR_BUILD_DIR="${CMAKE_BINARY_DIR}" ${ARG_DEFINITIONS})
  target_precompile_headers(${name}_test REUSE_FROM weir_test_pch)
  add_dependencies(tests_${kind} ${name}_test)
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(tests_threads ${name}_test)
  endif()
  if("soak" IN_LIST ARG_LABELS)
    add_custom_target(soak_${name} COMMAND ${name}_test USES_TERMINAL VERBATIM)
    add_dependencies(soak soak_${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(ARG_SERIAL)
    # One process for the whole program: its tests share something that is slow to start.
    set(filter)
    if(ARG_FILTER)
      set(filter "--gtest_filter=${ARG_FILTER}")
    endif()
    add_test(NAME ${name} COMMAND ${name}_test ${filter})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" RUN_SERIAL ON)
  else()
    # gtest_discover_tests would take a second label for a property, however it is escaped: one label has all of them in it. `ctest -L`
    # looks for a part of a label.
    list(JOIN ARG_LABELS "," ARG_LABELS)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  endif()
endfunction()

# weir_benchmark(NAME SOURCES … LINKS …): one Google Benchmark program NAME_benchmark, run by `./dev bench`.
function(weir_benchmark name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name}_benchmark ${ARG_SOURCES})
  target_link_libraries(${name}_benchmark PRIVATE weir_options ${ARG_LINKS} benchmark::benchmark benchmark::benchmark_main)
  add_dependencies(benchmarks ${name}_benchmark)
endfunction()

# weir_fuzz(NAME SOURCES … LINKS …): one libFuzzer program NAME_fuzz, run by `./dev fuzz` with the corpus tests/fuzz/corpus/NAME_fuzz.
function(weir_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE weir_options ${ARG_LINKS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${name}_fuzz)
endfunction()
