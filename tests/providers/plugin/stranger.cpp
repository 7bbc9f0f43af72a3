// A shared object that is no plug-in.
extern "C" int stranger() { return 0; }
