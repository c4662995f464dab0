// Boost.JSON and Boost.URL, compiled here: Debian's package of Boost's headers is enough for copg.
#include <boost/json/src.hpp>
#include <boost/url/src.hpp>
