# The library as users see it: static (copg_static) and shared (copg_shared), both named copg on disk, made of the
# objects of all layers but the monitor's. copg::copg is what to link: the shared one if BUILD_SHARED_LIBS is on, else the
# static one.

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

# The monitor is a library of its own, for those who want a page: copg::monitor is what to link.
foreach(kind IN ITEMS static shared)
  string(TOUPPER ${kind} library_type)
  add_library(copg_monitor_${kind} ${library_type} $<TARGET_OBJECTS:copg_monitor>)
  set_target_properties(copg_monitor_${kind} PROPERTIES OUTPUT_NAME copg_monitor VERSION ${PROJECT_VERSION}
                                                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_link_libraries(copg_monitor_${kind} PUBLIC copg_${kind} PRIVATE Threads::Threads)
  copg_configure_target(copg_monitor_${kind})
endforeach()
# For other builds that link the layers, each a module for another Python (COPG_PREBUILT).
if(PROJECT_IS_TOP_LEVEL)
  list(TRANSFORM layers PREPEND copg_ OUTPUT_VARIABLE layer_targets)
  export(TARGETS ${layer_targets} FILE ${PROJECT_BINARY_DIR}/copg-layers.cmake)
endif()
if(NOT PROJECT_IS_TOP_LEVEL)
  set_target_properties(copg_static copg_shared copg_monitor_static copg_monitor_shared PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

if(BUILD_SHARED_LIBS)
  set(kind shared)
else()
  set(kind static)
endif()
add_library(copg::copg ALIAS copg_${kind})
add_library(copg::monitor ALIAS copg_monitor_${kind})
