# The library as users see it: static (copg_static) and shared (copg_shared), both named copg on disk, made of the
# objects of all layers but those of other libraries. copg::copg is what to link: the shared one if BUILD_SHARED_LIBS is on,
# else the static one.

get_property(compiled_layers GLOBAL PROPERTY COPG_COMPILED_LAYERS)
list(TRANSFORM compiled_layers REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE layer_objects)

set_source_files_properties(${PROJECT_SOURCE_DIR}/src/version.cpp PROPERTIES COMPILE_DEFINITIONS COPG_VERSION="${PROJECT_VERSION}")
foreach(kind IN ITEMS static shared)
  string(TOUPPER ${kind} library_type)
  add_library(copg_${kind} ${library_type} ${PROJECT_SOURCE_DIR}/src/version.cpp ${layer_objects})
  set_target_properties(copg_${kind} PROPERTIES OUTPUT_NAME copg VERSION ${PROJECT_VERSION}
                                                SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(copg_${kind} PUBLIC cxx_std_20)
  target_include_directories(copg_${kind} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                 $<INSTALL_INTERFACE:include>)
  # Public headers include Boost's; libpq stays behind the library.
  target_link_libraries(copg_${kind} PUBLIC Boost::headers PRIVATE PostgreSQL::PostgreSQL Threads::Threads)
  copg_configure_target(copg_${kind})
endforeach()

# Libraries of their own, made of one layer each: for those who want a page that shows pools live, copg::monitor; for tests of
# programs, copg::testing.
foreach(library IN ITEMS monitor testing)
  foreach(kind IN ITEMS static shared)
    string(TOUPPER ${kind} library_type)
    set(target copg_${library}_${kind})
    add_library(${target} ${library_type} $<TARGET_OBJECTS:copg_${library}>)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME copg_${library} VERSION ${PROJECT_VERSION}
                                               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_link_libraries(${target} PUBLIC copg_${kind} PRIVATE Threads::Threads)
    copg_configure_target(${target})
    if(kind STREQUAL shared)  # libcopg.so shows it nothing of the calls of the system
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:copg_os>)
      if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT COPG_SANITIZE)  # sanitizers are linked to the program
        target_link_options(${target} PRIVATE LINKER:--no-undefined)  # found here, not by those who link it
      endif()
    endif()
  endforeach()
endforeach()
# For other builds that link the layers, each a module for another Python (COPG_PREBUILT).
if(PROJECT_IS_TOP_LEVEL)
  list(TRANSFORM layers PREPEND copg_ OUTPUT_VARIABLE layer_targets)
  export(TARGETS ${layer_targets} FILE ${PROJECT_BINARY_DIR}/copg-layers.cmake)
endif()
if(BUILD_SHARED_LIBS)
  set(copg_kind shared)
else()
  set(copg_kind static)
endif()
foreach(library IN LISTS copg_libraries)
  string(REPLACE copg_ "" name ${library})
  add_library(copg::${name} ALIAS ${library}_${copg_kind})
endforeach()
