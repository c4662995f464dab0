# What `cmake --install` installs: headers, the libraries, the copg program, and what find_package(copg) and pkg-config
# need to find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/copg)

set(targets)
foreach(library IN LISTS copg_libraries)
  foreach(kind IN ITEMS static shared)
    string(REGEX REPLACE "^copg_?" "" name ${library}_${kind})
    set_target_properties(${library}_${kind} PROPERTIES EXPORT_NAME ${name})
    list(APPEND targets ${library}_${kind})
  endforeach()
endforeach()
install(TARGETS ${targets} EXPORT copg
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT copg NAMESPACE copg:: FILE copg-targets.cmake DESTINATION ${package_folder})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/copg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET copg_command)
  install(TARGETS copg_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/tools/copg.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
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
foreach(library IN LISTS copg_libraries)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${library}.pc.in ${PROJECT_BINARY_DIR}/${library}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
