# What `cmake --install` and the wheel hold: libraries, headers, and the files by which CMake and pkg-config find them.
#
# All libraries are in one export set, accelTargets, under the namespace accel::. Another one takes
#
#   set_target_properties(NAME PROPERTIES EXPORT_NAME ...)   # accel::...
#   accel_install_libraries(NAME)
#   accel_install_pkgconfig(NAME.pc.in)
#
# in its own directory. Everything is relocatable: no file names an absolute path.
include(CMakePackageConfigHelpers)
if(SKBUILD)  # inside the Python package, beside the extension
  set(ACCEL_LIBDIR accel/lib)
  set(ACCEL_INCLUDEDIR accel/include)
else()
  include(GNUInstallDirs)
  set(ACCEL_LIBDIR ${CMAKE_INSTALL_LIBDIR})
  set(ACCEL_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
endif()

function(accel_install_libraries)
  install(TARGETS ${ARGN} EXPORT accelTargets LIBRARY DESTINATION ${ACCEL_LIBDIR} ARCHIVE DESTINATION ${ACCEL_LIBDIR}
          INCLUDES DESTINATION ${ACCEL_INCLUDEDIR})
endfunction()

# A template NAME.pc.in, in which @ACCEL_PC_HEAD@ stands for prefix, libdir and includedir, relative to the file itself.
function(accel_install_pkgconfig template)
  cmake_path(ABSOLUTE_PATH ACCEL_LIBDIR BASE_DIRECTORY /prefix OUTPUT_VARIABLE libdir)
  cmake_path(ABSOLUTE_PATH ACCEL_INCLUDEDIR BASE_DIRECTORY /prefix OUTPUT_VARIABLE includedir)
  cmake_path(RELATIVE_PATH includedir BASE_DIRECTORY ${libdir}/pkgconfig)
  set(ACCEL_PC_HEAD "libdir=\${pcfiledir}/..\nincludedir=\${pcfiledir}/${includedir}")
  set(ACCEL_PC_RPATH "")
  if(SKBUILD)  # no loader looks into Python packages by itself
    set(ACCEL_PC_RPATH " -Wl,-rpath,\${libdir}")
  endif()
  cmake_path(GET template STEM LAST_ONLY name)
  configure_file(${template} ${CMAKE_CURRENT_BINARY_DIR}/${name} @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name} DESTINATION ${ACCEL_LIBDIR}/pkgconfig)
endfunction()

function(accel_install_cmake_package)
  set(directory ${ACCEL_LIBDIR}/cmake/accel)
  set(compatibility SameMajorVersion)
  if(PROJECT_VERSION_MAJOR EQUAL 0)  # before 1.0 a minor version may change the API
    set(compatibility SameMinorVersion)
  endif()
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/accelConfig.cmake.in accelConfig.cmake
                                INSTALL_DESTINATION ${directory})
  write_basic_package_version_file(accelConfigVersion.cmake COMPATIBILITY ${compatibility})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/accelConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/accelConfigVersion.cmake
          DESTINATION ${directory})
  install(EXPORT accelTargets NAMESPACE accel:: DESTINATION ${directory})
endfunction()
