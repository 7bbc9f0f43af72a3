# `./dev package`: one .deb with the binary, its manual, the systemd unit, the schema and the documentation.
set(CPACK_PACKAGE_CONTACT "weir maintainers <weir@weir.invalid>")
set(WEIR_PACKAGED ${CMAKE_BINARY_DIR}/packaged)  # what is made for the package
file(MAKE_DIRECTORY ${WEIR_PACKAGED})
set(WEIR_MADE)

# weir_made(FILE ARGUMENT…): what weir prints when it is called like this. Without the environment of who builds it.
function(weir_made file)
  add_custom_command(OUTPUT ${WEIR_PACKAGED}/${file}
    COMMAND ${CMAKE_COMMAND} -E env --unset=WEIR_CONFIG $<TARGET_FILE:weir> ${ARGN} > ${WEIR_PACKAGED}/${file} DEPENDS weir VERBATIM)
  list(APPEND WEIR_MADE ${WEIR_PACKAGED}/${file})
  set(WEIR_MADE ${WEIR_MADE} PARENT_SCOPE)
endfunction()

# weir_compressed(FILE FROM): as Debian wants it, without a time inside.
function(weir_compressed file from)
  add_custom_command(OUTPUT ${WEIR_PACKAGED}/${file} COMMAND gzip -9nc ${from} > ${WEIR_PACKAGED}/${file} DEPENDS ${from} VERBATIM)
  list(APPEND WEIR_MADE ${WEIR_PACKAGED}/${file})
  set(WEIR_MADE ${WEIR_MADE} PARENT_SCOPE)
endfunction()

weir_made(weir.schema.json validate --schema)
weir_made(weir.1 manual man)
weir_made(weir.yaml.5 manual man-config)
weir_made(weir.bash manual bash)
weir_made(_weir manual zsh)
weir_made(weir.fish manual fish)
configure_file(packaging/debian/changelog.in ${WEIR_PACKAGED}/changelog.Debian @ONLY)
weir_compressed(weir.1.gz ${WEIR_PACKAGED}/weir.1)
weir_compressed(weir.yaml.5.gz ${WEIR_PACKAGED}/weir.yaml.5)
weir_compressed(changelog.Debian.gz ${WEIR_PACKAGED}/changelog.Debian)
weir_compressed(changelog.gz ${CMAKE_SOURCE_DIR}/CHANGELOG.md)
# Made anew each time: it takes a moment, and depends on every page.
add_custom_target(weir_pages COMMAND bash ${CMAKE_SOURCE_DIR}/packaging/debian/pages ${WEIR_PACKAGED}/pages VERBATIM)
add_custom_target(weir_packaged DEPENDS ${WEIR_MADE})
add_dependencies(weir_packaged weir_pages)

install(TARGETS weir RUNTIME DESTINATION /usr/bin)
install(FILES packaging/weir.service DESTINATION /lib/systemd/system)
install(FILES packaging/weir.yaml DESTINATION /etc/weir)
install(FILES ${WEIR_PACKAGED}/weir.1.gz DESTINATION /usr/share/man/man1)
install(FILES ${WEIR_PACKAGED}/weir.yaml.5.gz DESTINATION /usr/share/man/man5)
install(FILES ${WEIR_PACKAGED}/weir.bash DESTINATION /usr/share/bash-completion/completions RENAME weir)
install(FILES ${WEIR_PACKAGED}/_weir DESTINATION /usr/share/zsh/vendor-completions)
install(FILES ${WEIR_PACKAGED}/weir.fish DESTINATION /usr/share/fish/vendor_completions.d)
install(FILES ${WEIR_PACKAGED}/weir.schema.json DESTINATION /usr/share/weir)
install(FILES providers/plugin/include/weir/plugin.h DESTINATION /usr/include/weir)
install(FILES packaging/debian/copyright ${WEIR_PACKAGED}/changelog.gz ${WEIR_PACKAGED}/changelog.Debian.gz
  DESTINATION /usr/share/doc/weir)
install(DIRECTORY ${WEIR_PACKAGED}/pages/ DESTINATION /usr/share/doc/weir)
install(FILES packaging/debian/lintian-overrides DESTINATION /usr/share/lintian/overrides RENAME weir)
install(FILES examples/weir.yaml examples/minimal.yaml examples/deploy.yaml examples/deploy-judge.yaml examples/notifications.yaml
  DESTINATION /usr/share/doc/weir/examples)
install(DIRECTORY examples/plugin examples/providers examples/balancers packaging/systemd DESTINATION /usr/share/doc/weir/examples)
install(DIRECTORY packaging/monitoring DESTINATION /usr/share/weir)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "autoscaling controller for app servers behind nginx")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Reads Prometheus, decides how many app servers there should be, asks a\n\
provider for them, and lets nginx send them traffic only while they are\n\
proven able to serve it. It plans, simulates, deploys and explains with the\n\
same code.")
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, tzdata")  # tzdata is read as files too, not only through its library
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx, prometheus, polkitd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
  ${CMAKE_SOURCE_DIR}/packaging/debian/prerm ${CMAKE_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /)
include(CPack)
