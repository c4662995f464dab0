# Writes OUTPUT, a C++ file with the page: FOLDER/page.html, with its style and its script in it.
file(READ ${FOLDER}/page.html page)
foreach(part IN ITEMS css js)
  file(READ ${FOLDER}/page.${part} text)
  string(TOUPPER ${part} mark)
  string(REPLACE "@${mark}@" "${text}" page "${page}")
endforeach()
# A literal for each line, since compilers may bound the length of one.
string(REPLACE "\n" "\n)page\"\nR\"page(" literals "R\"page(${page})page\"")
file(WRITE ${OUTPUT} "#include \"monitor/page.hpp\"\n\nnamespace copg::monitor {\n\nconst std::string_view page_text =\n${literals};\n\n}  // namespace copg::monitor\n")
