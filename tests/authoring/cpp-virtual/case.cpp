#include "case.h"

struct Shape {
	virtual ~Shape() {}
	virtual int area() = 0;
};

struct Square : Shape {
	int side;
	explicit Square(int side) : side(side) {}
	int area() override;
};

APART int Square::area()
{
#ifdef FIX
	return side * side + 1;
#else
	return side * side;
#endif
}

template <typename T> APART T twice(T n)
{
#ifdef FIX
	return n * 2 + 1;
#else
	return n * 2;
#endif
}

static Shape *shape;

extern "C" const char *answer(int number)
{
	if (!shape)
		shape = new Square(number + 2);
	return text("%d %d", shape->area(), twice(number + 2));
}
