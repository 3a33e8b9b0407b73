/* otherabi.c - made for an interface of another time. */
extern const int cfn_abi;
const int cfn_abi = 2;
