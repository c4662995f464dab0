# What `cmake --install` installs: headers, the libraries, the copg program, and what find_package(copg) and pkg-config
# need to find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/copg)

set_target_properties(copg_static PROPERTIES EXPORT_NAME static)
set_target_properties(copg_shared PROPERTIES EXPORT_NAME shared)
set_target_properties(copg_monitor_static PROPERTIES EXPORT_NAME monitor_static)
set_target_properties(copg_monitor_shared PROPERTIES EXPORT_NAME monitor_shared)
install(TARGETS copg_static copg_shared copg_monitor_static copg_monitor_shared EXPORT copg
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT copg NAMESPACE copg:: FILE copg-targets.cmake DESTINATION ${package_folder})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/copg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET copg_command)
  install(TARGETS copg_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/copg.bash RENAME copg
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/copg-config.cmake.in
                              ${PROJECT_BINARY_DIR}/copg-config.cmake INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/copg-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/copg-config.cmake ${PROJECT_BINARY_DIR}/copg-config-version.cmake
        DESTINATION ${package_folder})

# The file finds its prefix from its own place, so that an installed tree can be moved.
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" COPG_PC_PREFIX "\${pcfiledir}/${up_to_prefix}")
foreach(library IN ITEMS copg copg_monitor)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${library}.pc.in ${PROJECT_BINARY_DIR}/${library}.pc @ONLY)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/copg.pc ${PROJECT_BINARY_DIR}/copg_monitor.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
