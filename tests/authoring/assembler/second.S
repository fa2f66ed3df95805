	.text
	.globl bare
	.type bare, @function
bare:
#ifdef FIX
	mov $2, %eax
#else
	mov $1, %eax
#endif
	ret
	.size bare, . - bare
	.section .note.GNU-stack,"",@progbits
