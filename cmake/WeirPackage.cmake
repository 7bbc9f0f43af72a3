# `./dev package`: one .deb with the binary, the systemd unit, the schema and the documentation.
install(PROGRAMS $<TARGET_FILE:weir> DESTINATION /usr/bin)
install(FILES packaging/weir.service DESTINATION /lib/systemd/system)
install(FILES README.md CHANGELOG.md SECURITY.md docs/how-it-decides.md docs/tutorial.md docs/monitoring.md docs/runbook.md docs/logs.md docs/queries.md examples/weir.yaml examples/minimal.yaml
  DESTINATION /usr/share/doc/weir)
install(FILES providers/plugin/include/weir/plugin.h DESTINATION /usr/include/weir)
install(DIRECTORY examples/plugin examples/providers examples/balancers DESTINATION /usr/share/doc/weir/examples)
install(DIRECTORY packaging/monitoring DESTINATION /usr/share/weir)
install(FILES docs/reference/metrics.md DESTINATION /usr/share/doc/weir/reference)
install(FILES LICENSE DESTINATION /usr/share/doc/weir RENAME copyright)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/weir.schema.json
  COMMAND weir validate --schema > ${CMAKE_BINARY_DIR}/weir.schema.json DEPENDS weir VERBATIM)
add_custom_target(weir_schema DEPENDS ${CMAKE_BINARY_DIR}/weir.schema.json)
install(FILES ${CMAKE_BINARY_DIR}/weir.schema.json DESTINATION /usr/share/weir)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "weir maintainers <weir@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "autoscaling controller for app servers behind nginx")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Reads Prometheus, decides how many app servers there should be, asks a provider for them,\n\
and lets nginx send them traffic only while they are proven able to serve it.")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS tzdata)  # read as files too, not only through its library
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/packaging/postinst ${CMAKE_SOURCE_DIR}/packaging/prerm ${CMAKE_SOURCE_DIR}/packaging/postrm)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /)
include(CPack)
