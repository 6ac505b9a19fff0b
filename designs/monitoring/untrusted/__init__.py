"""Safe reads of foreign objects, whose code may raise, lie or never return: attributes, text, previews."""
