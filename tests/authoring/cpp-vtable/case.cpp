#include "case.h"

struct Shape {
	virtual ~Shape();
	virtual int area();
#ifdef FIX
	virtual int corners();
#endif
};

Shape::~Shape() {}
int Shape::area() { return 4; }
#ifdef FIX
int Shape::corners() { return 4; }
#endif

static Shape *shape;

extern "C" const char *answer(int number)
{
	if (!shape)
		shape = new Shape();
	return text("%d %d", shape->area(), number);
}
